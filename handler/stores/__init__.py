"""Where records are read from and stored: a DynamoDB table, files and logs."""
