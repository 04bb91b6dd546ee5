"""Where does the camera look, and how bright is one electron a second?"""
