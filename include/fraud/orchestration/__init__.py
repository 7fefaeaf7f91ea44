"""Wiring between Airflow and the library: the only part of ``fraud`` that imports airflow.

| module | purpose |
| --- | --- |
| ``objects`` | JSON objects in S3 |
| ``manifests`` | what a step wrote for a day, checked and recorded |
| ``requests`` | what a run is asked to do, validated before any job starts |
| ``jobs`` | SageMaker job configurations |
| ``registry`` | model packages: who scores which day |
| ``operators`` | the stock operators with this deployment's settings |
| ``plans`` | what each task plans, checks and records |
| ``groups`` | the task groups that the DAGs share |
"""
