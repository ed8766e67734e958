"""The recorder's own file of cameras."""

from agent.recorder.config import CameraSource


def test_a_camera_that_wants_its_password_within_the_address_gets_it_there_and_nobody_else_sees_it() -> None:
    camera = CameraSource("yard", "rtsp://192.0.2.7/user=owner&password={password}&channel=1", "owner", "p&ss/word")
    assert camera.url_with_login == "rtsp://owner:p%26ss%2Fword@192.0.2.7/user=owner&password=p%26ss%2Fword&channel=1"
    assert "p&ss" not in repr(camera)
    assert "{password}" in camera.url
