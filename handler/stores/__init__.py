"""Stores of records: a DynamoDB table, a folder, the archive on S3."""
