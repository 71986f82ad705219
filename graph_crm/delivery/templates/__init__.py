"""The words of messages: templates by language, rendered in a sandbox; a variable that is missing is an error."""
