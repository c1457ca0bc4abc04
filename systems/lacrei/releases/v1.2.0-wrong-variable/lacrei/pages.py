"""Lists come in pages; nothing counts the whole table for one of them."""

from rest_framework.pagination import CursorPagination


class Pages(CursorPagination):
    """The newest first, twenty at a time, at most a hundred."""

    ordering = "-id"
    page_size = 20
    page_size_query_param = "limit"
    max_page_size = 100
