"""``python -m agent.settings --schema`` prints the JSON schema; ``… FILE`` checks a file."""

import sys

from agent.settings.model import main

sys.exit(main(sys.argv[1:]))
