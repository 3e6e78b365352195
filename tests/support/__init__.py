"""What the tests share: fakes, servers, and the program in a process of its own."""
