"""The case: what opens it, what it owes, how it moves and when it is due. Pure: values in, values out."""
