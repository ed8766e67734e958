"""What is typed at ``handover-portal``, by subject; ``portal.cli`` joins them."""
