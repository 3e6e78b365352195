"""Stores of records: a DynamoDB table, a folder, the archive on S3; and the queue of the function's timers."""
