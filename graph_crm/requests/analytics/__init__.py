"""What the service desk's work looks like in numbers: what is asked, how fast it is answered, what is left to do."""
