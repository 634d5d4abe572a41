"""The rules of IF_EVAL: what they say, how they are drawn, checked and met."""
