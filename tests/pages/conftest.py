"""The wired platform over a service desk for every test of this folder that asks for it."""

from page_visits import folder_of_documents, pages

__all__ = ["folder_of_documents", "pages"]
