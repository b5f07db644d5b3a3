# SPDX-License-Identifier: GPL-3.0-or-later
"""On an inside host: try to connect to the outside, and print the results as JSON.

try-way-out.py NAME ADDRESS PORT
"""

import json
import socket
import sys
import time

# A connection must be refused at once: lost packets would look like a slow network.
PATIENCE = 3


def attempt(way):
    """Return whether a connection is possible, the system's message, and after how many seconds."""
    start = time.monotonic()
    try:
        way()
        said = "open"
    except OSError as error:
        said = error.strerror or str(error)
    return {"open": said == "open", "said": said, "seconds": round(time.monotonic() - start, 2)}


def main():
    """Try the name, then the address."""
    name, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    socket.setdefaulttimeout(PATIENCE)
    tried = {
        "name": attempt(lambda: socket.getaddrinfo(name, port)),
        "address": attempt(lambda: socket.create_connection((address, port), PATIENCE).close()),
    }
    shut = not any(one["open"] for one in tried.values())
    at_once = all(one["seconds"] < 1 for one in tried.values())
    print(json.dumps(dict(tried, no_way_out=shut, at_once=at_once)))


if __name__ == "__main__":
    main()
