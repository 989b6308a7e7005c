from tidegraph.device.bundle.loading import Bundle as Bundle
from tidegraph.device.client.client import DeviceClient as DeviceClient
from tidegraph.device.distill import MoMoDistill as MoMoDistill
from tidegraph.device.gate.gate import Gate as Gate
from tidegraph.device.gate.policy import GatePolicy as GatePolicy
from tidegraph.device.patch import MetaPatch as MetaPatch
from tidegraph.device.personalise import LocalSteps as LocalSteps
from tidegraph.device.privacy import Private as Private
