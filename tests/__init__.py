"""The tests, and the broker that they, the benchmarks and developers share."""
