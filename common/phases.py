"""The table of phases: what each is called, where its code is, what it needs and leaves."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Phase:
    """One phase. The first of its outputs, its result file, is written last."""

    number: str
    title: str
    module: str
    class_name: str
    needs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def result_file(self) -> str:
        """The file whose presence says that the phase is done."""
        return self.outputs[0]

    @property
    def command(self) -> str:
        """What a user types to run this phase."""
        return f"python3 run.py phase {self.number}"


PHASES: dict[str, Phase] = {
    phase.number: phase
    for phase in (
        Phase(
            number="2.5",
            title="find latents that tell right programs from wrong ones",
            module="phase2_5_simplified.feature_finder",
            class_name="FeatureFinder",
            needs=(),
            outputs=("top_20_features.json", "layer_analysis.json", "metadata.json"),
        ),
        Phase(
            number="3.5",
            title="temperature robustness on the validation split",
            module="phase3_5.temperature_runner",
            class_name="TemperatureRobustnessRunner",
            needs=("2.5",),
            outputs=("metadata.json",),
        ),
        Phase(
            number="3.6",
            title="greedy baseline on the hyperparameter split",
            module="phase3_6.hyperparameter_runner",
            class_name="HyperparameterBaselineRunner",
            needs=("2.5",),
            outputs=("dataset_hyperparams_temp_0_0.parquet", "metadata.json"),
        ),
        Phase(
            number="4.5",
            title="steering coefficient selection",
            module="phase4_5.steering_coefficient_selector",
            class_name="SteeringCoefficientSelector",
            needs=("2.5", "3.6"),
            outputs=(
                "phase_4_5_summary.json",
                "selected_coefficients.json",
                "all_records.parquet",
                "coefficient_analysis_plots.png",
                "coefficient_analysis_plots.pdf",
                "coefficient_analysis.txt",
                "phase_4_5_report.md",
                "report.html",
            ),
        ),
    )
}
