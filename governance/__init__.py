"""The conventions of the dbt project as checks, and a report of what they found. Not needed to build or to publish."""
