"""Where records are kept: a DynamoDB table; and files and logs that contain them."""
