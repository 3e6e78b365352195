"""The contenders. Each file is run by the interpreter of its own environment, as `FILE cold|serve URL …`."""
