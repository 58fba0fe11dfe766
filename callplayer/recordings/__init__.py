"""Sound files, and the words and facts that stand beside them."""
