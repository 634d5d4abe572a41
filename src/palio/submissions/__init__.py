"""What is submitted: commitment, digest, inspection, stores."""
