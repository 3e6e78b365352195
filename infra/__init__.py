"""Tools to deploy, try and measure the sampler: nothing in here goes into the Lambda artifact."""
