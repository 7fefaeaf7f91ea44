"""The Fraud monitor page inside the Airflow UI; reads what the drift step left in S3 and never imports the library."""
