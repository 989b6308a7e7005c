from tidegraph.nn.conv import *
from tidegraph.nn.sequence.encoders import *
