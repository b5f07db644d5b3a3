# shellcheck shell=sh
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What the relay runs on a host, as the login user: it connects the relay to a module through a named pipe.
#
#   $1  send: print what the module writes, and then why it failed. receive: pass standard input to the module
#   $2  the folder to create for the pipe
#   $3  how many times two seconds to wait for the module
#   $4  the line to print before the stream
#
# The relay removes the comments and joins the lines with spaces, because some login shells refuse a line end within quotes.
# So each line must end where a shell accepts that: after ; or && or a word such as do.

folder=$2;
umask 077;
# mkdir fails if the folder exists, so nobody else owns it. It is removed when this ends, for whatever reason; a second
# signal must not end rm.
mkdir "$folder" &&
trap 'trap "" HUP TERM; rm -rf "$folder"' EXIT HUP TERM &&
mkfifo "$folder/pipe" &&
{
  # To open a pipe blocks until its other end is opened, for ever if the module never does that. So after a time that is
  # longer than any module waits, a second process opens both ends.
  (
    n=0;
    while test "$n" -lt "$3" && kill -0 $$; do
      sleep 2;
      n=$((n+1));
    done;
    test -p "$folder/pipe" && : <> "$folder/pipe"
  ) < /dev/null > /dev/null 2>&1 &
  case $1 in
    send)
      echo "$4";
      cat "$folder/pipe";
      test ! -e "$folder/error" || cat "$folder/error" >&2;;
    receive)
      cat > "$folder/pipe";;
  esac;
}
