"""The local stack: the local AWS and Airflow as processes of this machine, started and stopped together.

===============  ==============================================================
module           purpose
===============  ==============================================================
``home``         where the stack keeps everything, and which world it runs
``environment``  the variables that each component is started with
``processes``    process groups: start, find again, stop without a survivor
``ports``        which ports, whether they are free, who has them
``control``      up, down, status
``airflow_api``  Airflow's REST API, as far as it is needed here
``scheduler``    Airflow's scheduler, started so that tasks start fast
``demo``         the demo from start to finish
``watching``     what runs now, as lines and a progress bar
``closing``      the demo's closing table, from the warehouse and the truth
``warehouse``    questions to the warehouse and objects of the bucket
``report``       what the commands print
``doctor``       what is wrong and what to do
===============  ==============================================================
"""
