"""The local AWS: a server on moto whose SageMaker jobs really run and whose state survives a kill.

======================  ==============================================================
module                  purpose
======================  ==============================================================
``server``              command line, start-up, shutdown
``application``         one WSGI application: which service a request is for, errors
``database``            the SQLite file that all acknowledged writes go to
``s3``                  moto's S3 with bodies as files and metadata in the database
``objects``             S3 for the server's own code (jobs, COPY, UNLOAD)
``services``            moto's small services, saved whole after each change
``logs``                CloudWatch log events in the database
``sagemaker``           jobs that run, models and the model registry
``emr``                 EMR Serverless, whose Spark jobs run
``images``              what stands for a container image, and the built-in XGBoost
``provision``           what CloudFormation would have created
======================  ==============================================================
"""
