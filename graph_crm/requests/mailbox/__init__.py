"""The mailbox of the service desk: mails that come in become requests, join one, or are set aside visibly."""
