"""What unknown logs show of people: counted record by record, proposed as inventory entries, written as YAML."""
