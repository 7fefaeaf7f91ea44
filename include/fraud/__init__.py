"""Card-fraud detection after the Fraud Detection Handbook: simulator, features, models, monitoring.

The package computes; only :mod:`fraud.orchestration` knows Airflow.
"""

__version__ = "0.1.0"
