"""The archive: each day's records as one Parquet file in a bucket, written and checked by two Lambda functions."""
