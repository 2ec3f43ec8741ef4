# Sees to it that nothing is left of a test: once nobody holds this script's standard input open, it ends what still runs
# on $FOLDER, and removes the folder. Its input names the processes that end their own children when asked to stop.
# With KEEP_FOLDERS set the folder stays, for whoever wants to read the logs of a failure.
#   FOLDER=... sh -c THIS
ours=
while read -r pid; do ours="$ours $pid"; done

running() { echo "$FOLDER" | grep -lsF -f - /proc/[0-9]*/cmdline | cut -d/ -f3; }

tries=0
while
    left=$(running)
    [ -n "$left" ]
do
    for pid in $left; do
        case "$tries $ours " in
            "0 "*" $pid "*) kill -s TERM "$pid" ;;
            1[5-9][0-9]" "*) kill -s KILL "$pid" ;;
        esac
    done
    tries=$((tries + 1))
    sleep 0.1
done
[ -n "$KEEP_FOLDERS" ] || rm -rf "$FOLDER"
