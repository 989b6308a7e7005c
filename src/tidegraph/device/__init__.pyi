from tidegraph.device.patch import MetaPatch as MetaPatch
from tidegraph.device.personalise import LocalSteps as LocalSteps
