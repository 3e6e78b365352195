"""The function as it is often written: everything imported at the top, requests.get, a resource's table."""

import os
from decimal import Decimal

import boto3
import requests
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from infra.bench.contender import line

logger = Logger(service="naive")
metrics = Metrics(namespace="Naive", service="naive")
table = boto3.resource("dynamodb").Table("obi")


@metrics.log_metrics
def lambda_handler(event: object, context: object) -> None:  # noqa: ARG001
    """Sample, log, store."""
    book = requests.get(f"{os.environ['OBI_BASE_URL']}/api/v3/depth?symbol=BTCUSDT&limit=100", timeout=10).json()
    text = line("BTCUSDT", book["bids"], book["asks"], 100)
    logger.info(text)
    table.put_item(Item={"series": "BTCUSDT#100", "slot": "now", "levels": Decimal(100), "line": text})
    metrics.add_metric("Stored", MetricUnit.Count, 1)


if __name__ == "__main__":
    lambda_handler({}, None)
