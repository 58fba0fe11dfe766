"""What has been received of a call, with its place, so that it can be heard again at once."""
