"""Instant recall: what is stored of the call, heard at once; the server follows."""
