"""The archive: each day of the table as one Parquet file in a bucket, written by a Lambda function once a day."""
