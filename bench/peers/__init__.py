"""The same work given to other workflow engines: Luigi, Metaflow, Prefect, Dagster and Airflow, each in an environment of its own."""
