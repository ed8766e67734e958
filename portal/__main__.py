"""``python -m portal`` is ``handover-portal``."""

from portal.cli import main

if __name__ == "__main__":
    main(prog_name="handover-portal")
