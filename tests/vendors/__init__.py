"""Any vendor that keeps the contract: `python -m tests.vendors` plays against each of them."""
