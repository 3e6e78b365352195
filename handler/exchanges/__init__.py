"""The exchanges' markets, one module each, and the HTTP client that all of them share."""
