"""`python -m talking_video`: the command `talking-video`."""

from talking_video.cli.main import main

if __name__ == "__main__":
    main()
