"""CPU, time and memory of this project beside what people would use instead: see docs/benchmarks.md."""
