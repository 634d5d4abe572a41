"""Settings of the property tests here."""

from hypothesis import settings

# A shared machine may take any time for one example; the suite's own limit still holds.
settings.register_profile("palio", deadline=None)
settings.load_profile("palio")
