"""Order books over HTTP: the markets' facts, what an answer means, and a client that retries within its slot."""
