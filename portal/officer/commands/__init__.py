"""What is typed at ``handover-officer``, by subject; ``portal.officer.cli`` joins them."""
