"""What is delivered for a day is checked here before anything else reads it.

=============  ==========================================================================================
module         purpose
=============  ==========================================================================================
``policy``     every check by name: what it means and what becomes of a delivery that fails it
``delivery``   files of a day and their ``delivery.json``: read, or refused
``gate``       rows: admitted, or quarantined with the check and the place they came from
=============  ==========================================================================================
"""
