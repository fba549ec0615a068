"""The page's parts in their places: native components, and the boards that are our own."""

from typing import Any

import gradio as gr

from facsmith.facs import EMOTIONS
from facsmith.studio import boards, views
from facsmith.studio.exports import EXPORTS
from facsmith.studio.pictures import jpeg, pictograms, thumbnail
from facsmith.studio.pose import GESTURES
from facsmith.studio.samples import SAMPLES, sample_photo
from facsmith.studio.session import CHOICES
from facsmith.studio.sessions import Sessions
from facsmith.studio.sets import EXPRESSIONS

__all__ = ["PageLayout"]

TRACK_BYTES, LATENT_BYTES = 12 << 20, 4 << 20
EXAMPLES = {
    "Half the smile": ("", "AU6=0.5, AU12=0.5", ""),
    "A frown as well": ("AU4=+0.4", "", ""),
    "No frown": ("", "", "AU4=0"),
    "Right brow up": ("R1=+C, R2=+D", "", ""),
}
"""What is added, what it is taken times, and what is shown instead."""
_gradio: Any = gr  # typed in part


class PageLayout:
    """The face on the left, what moves it on the right, under tabs; below both the film's curves."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self.kept = _gradio.BrowserState({}, storage_key="facsmith-studio", secret="facsmith-studio")
        with gr.Column(elem_id="work"):
            with gr.Row(elem_id="panes"):
                with gr.Column(scale=13, min_width=320, elem_id="left"):
                    self.stage = boards.board("stage")
                with gr.Column(scale=10, min_width=320, elem_id="right"):
                    gr.HTML(views.HEAD, apply_default_css=False)
                    with gr.Row(elem_id="quick"):
                        self.neutral = gr.Button("Neutral", size="sm")
                        self.own = gr.Button("As in the photo", size="sm")
                        self.undo = gr.Button("Undo", size="sm", elem_id="undo")
                        self.redo = gr.Button("Redo", size="sm", elem_id="redo")
                    with gr.Tabs(elem_id="tabs") as self.tabs:
                        for name in ("photo", "expression", "film", "edit", "set", "inspector"):
                            with _gradio.Tab("Edit film" if name == "edit" else name.capitalize(), id=name):
                                getattr(self, f"_{name}_tab")()
            with gr.Column(elem_id="dock"):
                with gr.Row(elem_id="transport"):
                    self.play = gr.Button("Play", size="sm", variant="primary", elem_id="play")
                    self.status = boards.board("status")
                self.plot = boards.board("plot", "")

    def _photo_tab(self) -> None:
        self.faces = boards.board("faces", "", html="${value}")
        self.together = _gradio.CheckboxGroup([], label="Move with it", visible=False, elem_id="together")
        self.photo = boards.photo_board(_sample_pictures(self.sessions), max_bytes=self.sessions.options.max_bytes)
        self.project = boards.project_board()

    def _expression_tab(self) -> None:
        with gr.Row(elem_id="emotions"):
            self.emotions = {name: gr.Button(name.capitalize(), size="sm") for name in EMOTIONS if name != "neutral"}
        with gr.Row(elem_id="gestures"):
            self.gestures = {name: gr.Button(name, size="sm") for name in GESTURES}
        self.strength = _gradio.Slider(
            0, 100, 100, step=5, label="Strength of the emotion, %", elem_id="strength", buttons=[]
        )
        self.expression = boards.expression_board(pictograms(self.sessions.animator))
        self.seen = boards.board("seen", html="")

    def _film_tab(self) -> None:
        self.timing = boards.timing_board()
        with gr.Row(elem_id="drive"):
            self.choices = _gradio.CheckboxGroup([*CHOICES], show_label=False, container=False, elem_id="choices")
            self.track = boards.file_board(
                "Drive by a track (CSV, YAML)", accept=".csv,.yaml,.yml", max_bytes=TRACK_BYTES, elem_id="track"
            )
            self.chip = gr.Button("✕", size="sm", visible=False, elem_id="chip")
        self.exports = boards.exports_board(
            "exports", "Take home", {kind: label for kind, (label, _) in EXPORTS.items()}
        )
        self.film = boards.show_board("film")

    def _edit_tab(self) -> None:
        gr.HTML(views.EDIT_HINT, apply_default_css=False)
        self.footage = boards.file_board(
            "Bring a film", accept="video/*,.mkv", max_bytes=self.sessions.options.max_bytes, elem_id="footage"
        )
        with gr.Column(elem_id="changes"):
            self.relative = gr.Textbox(label="Add or take away (−1 to 1)", placeholder="such as AU12=-0.4, AU4=+0.2")
            self.gain = gr.Textbox(label="Times (0 to 3)", placeholder="such as AU12=0.5")
            self.absolute = gr.Textbox(label="Exactly (0 to 1, or A to E)", placeholder="such as AU6=0, R12=C")
            with gr.Row():
                small = {"minimum": 0, "min_width": 100}
                self.person = _gradio.Number(1, label="Person", info="1: the largest", precision=0, **small)
                self.begin = _gradio.Number(0, label="From second", info="0: the beginning", **small)
                self.end = _gradio.Number(0, label="To second", info="0: the end", **small)
                self.rest = _gradio.Number(0, label="Rests at second", info="0: found by itself", **small)
        with gr.Row(elem_id="examples"):
            for name, change in EXAMPLES.items():
                gr.Button(name, size="sm").click(
                    None, None, [self.relative, self.gain, self.absolute], js=f"() => {[*change]}"
                )
        self.try_edit = gr.Button("Show before and after", variant="primary", elem_id="try-edit")
        self.edits = boards.exports_board("edits", "Take home", {"edited": "Edited film", "pair": "Before and after"})
        self.edited = boards.show_board("edited")

    def _set_tab(self) -> None:
        gr.HTML(views.SET_HINT, apply_default_css=False)
        with gr.Row(elem_id="shelf"):
            self.more = boards.file_board(
                "Add photos", accept="image/*", max_bytes=self.sessions.options.max_bytes, elem_id="more", several=True
            )
            self.none = gr.Button("Take all photos off", size="sm")
        self.photos = boards.show_board("photos")
        self.wanted = _gradio.Dropdown(
            [*EXPRESSIONS.items()], value=["happiness"], multiselect=True, label="Expressions", elem_id="wanted"
        )
        self.levels = _gradio.CheckboxGroup([*"ABCDE"], value=["C", "E"], label="Levels", elem_id="levels")
        self.films = _gradio.Checkbox(False, label="A film of each, too")
        self.made = boards.exports_board("made", "The set", {"set": "Make the set"})

    def _inspector_tab(self) -> None:
        self.inspector = boards.show_board("inspector", '<p class="none">No face yet.</p>')
        self.latent = boards.file_board(
            "Open a face code", accept=".safetensors", max_bytes=LATENT_BYTES, elem_id="latent"
        )
        gr.HTML(views.CODE_HINT, apply_default_css=False)
        boards.show_board("boundaries", views.boundaries(self.sessions.animator.networks.boundaries))


def _sample_pictures(sessions: Sessions) -> dict[str, str]:
    """Small pictures of the samples."""
    return {key: jpeg(thumbnail(sample_photo(sessions.animator, key), 144), quality=82) for key in SAMPLES}
