"""Scripts: speech, faults and client actions as plain data.

`model` is the data, `yaml` its text form, `cases` the short ids under which the default plan and
every report name a script of one or two faults.
"""
