"""What a file is, by its name."""

from pathlib import PurePosixPath

from clone_agent.records import Kind

_ENDINGS = {
    Kind.IMAGE: "jpg jpeg png gif webp bmp heic heif avif tiff",
    Kind.VIDEO: "mp4 mov avi mkv 3gp webm m4v mpg mpeg",
    Kind.VOICE: "mp3 m4a aac amr silk slk ogg oga opus wav flac caf",
}
_KINDS = {ending: kind for kind, endings in _ENDINGS.items() for ending in endings.split()}
_TYPES = {"image": Kind.IMAGE, "video": Kind.VIDEO, "audio": Kind.VOICE}


def kind_of_file(name: str) -> Kind:
    """Picture, film, sound, or a file of another kind."""
    return _KINDS.get(PurePosixPath(name.lower()).suffix.removeprefix("."), Kind.FILE)


def kind_of_type(content_type: str) -> Kind:
    """The same by a type such as `image/jpeg`."""
    return _TYPES.get(content_type.partition("/")[0].strip().lower(), Kind.FILE)
