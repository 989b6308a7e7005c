from tidegraph.dccl.cloud import DCCL as DCCL
from tidegraph.dccl.intervals import EveryDays as EveryDays
from tidegraph.dccl.fitted import FittedDCCL as FittedDCCL
from tidegraph.dccl.fleet import Fleet as Fleet
from tidegraph.dccl.personal import FittedPersonal as FittedPersonal
