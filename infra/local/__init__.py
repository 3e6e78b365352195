"""The whole system on one machine: the function, its table and an exchange, on loopback."""
